"""Tables, figures and pages in every format."""
