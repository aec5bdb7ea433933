"""What is to be told to whom: alerts and their deliveries, written before anything is sent."""
