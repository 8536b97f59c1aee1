"""The Python API: what `import ganinv_cli` offers; the commands are written on it."""
