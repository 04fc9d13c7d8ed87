"""Files with groups, CSV, XLSX and YAML: what they want, compared with what Poster has."""
