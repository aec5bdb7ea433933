"""Who is notified of what: alerts and their deliveries, written before anything is sent."""
