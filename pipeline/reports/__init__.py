"""Reports: tables, plots, Excel and HTML from what the store holds."""
