"""The measurements behind the tables: each script writes a JSON file, `report` the tables."""
