-- A fragment: whether an event (d) lies in a period, along usage_date. Periods of hours may lie on days of any zone.
d.usage_date >= (:'period_start'::timestamptz AT TIME ZONE :'zone')::date - :'by_the_hour'::boolean::integer
  AND d.usage_date <= (:'period_end'::timestamptz AT TIME ZONE :'zone' - interval '1 microsecond')::date
                      + :'by_the_hour'::boolean::integer
  AND (NOT :'by_the_hour'::boolean
       OR d.occurred_at >= :'period_start'::timestamptz AND d.occurred_at < :'period_end'::timestamptz)
