"""Kills, full disks and changed logs, on every command that writes files."""
