-- What was foreseen at a moment, a parameter of the driver, of each period that it lies in. Reads usage.budget_status.
-- Writes nothing.
SELECT budget_id, scope_value, period_start, forecast::float, straight_line::float, forecast_low::float,
       forecast_high::float
FROM usage.budget_status
WHERE as_of = %(moment)s AND period_start <= %(moment)s AND period_end > %(moment)s AND forecast_low IS NOT NULL
