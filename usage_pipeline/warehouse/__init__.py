"""The PostgreSQL database in which everything that was counted, decided and sent is on record."""
