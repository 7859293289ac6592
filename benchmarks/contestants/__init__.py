"""Ways to move a table between PostgreSQL and Arrow or pandas, each as its documentation recommends."""
