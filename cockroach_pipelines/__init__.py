"""Folders of SQL as a governed, observable, Kerberos-authenticated pipeline on CockroachDB."""
