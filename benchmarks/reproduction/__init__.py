"""Make the files, tables and figures of docs/ from the results of long runs."""
