"""Evidence for what the suite claims: known slowdowns, the runs to collect, and what stored runs show."""
