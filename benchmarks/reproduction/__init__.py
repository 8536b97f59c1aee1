"""From results of long runs to what docs/ keeps of them: files, tables and figures."""
