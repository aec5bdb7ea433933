-- Marks days whose daily tables were made again: budgets count them anew. Reads nothing. Writes usage.rolled_day.
-- Safe to run twice: a day is counted once more than needed.
INSERT INTO usage.rolled_day AS known (usage_date)
SELECT unnest(:'days'::date[])
ON CONFLICT (usage_date) DO UPDATE SET version = known.version + 1;
