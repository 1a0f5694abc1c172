"""Products for shoppers: understood, found, recommended with reasons that are true, compared, asked about."""
