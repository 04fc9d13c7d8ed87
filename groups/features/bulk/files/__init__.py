"""Files with groups, CSV, XLSX and YAML."""
