"""The report page: what the warehouse's views say, in a browser."""
