-- Locks the rows of :names, in their order, until the transaction ends; one that was never locked is made first.
-- Writes usage.lock. Safe to run twice. Whoever makes a row holds it as a lock: another who wants it waits for the commit.
INSERT INTO usage.lock (name)
SELECT wanted.name
FROM unnest(:'names'::text[]) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM usage.lock l WHERE l.name = wanted.name)
ORDER BY wanted.name
ON CONFLICT DO NOTHING;

SELECT FROM usage.lock l WHERE l.name = ANY (:'names'::text[]) ORDER BY l.name FOR UPDATE
