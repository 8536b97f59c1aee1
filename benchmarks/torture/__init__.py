"""Kills, full disks and mutated files, on every command that writes or reads files."""
