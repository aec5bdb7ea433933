-- Keeps one line of an invoice file; the same line again changes nothing, a corrected amount replaces.
-- Writes usage.invoice. Returns 'new', 'corrected' or no row. Safe to run twice.
INSERT INTO usage.invoice AS known (provider, model, month, amount, currency)
VALUES (:'provider', :'model', :'month'::date, :'amount'::numeric, :'currency')
ON CONFLICT (provider, model, month) DO UPDATE
SET amount = excluded.amount, currency = excluded.currency, imported_at = now()
WHERE (known.amount, known.currency) IS DISTINCT FROM (excluded.amount, excluded.currency)
RETURNING CASE WHEN xmax = 0 THEN 'new' ELSE 'corrected' END
