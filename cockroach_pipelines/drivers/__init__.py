"""The pgjdbc driver, its licence and its checksum."""
