-- The deliveries of a message that was formed before: they go together at each attempt. Reads usage.delivery; locks them.
SELECT d.delivery_id
FROM usage.delivery d
WHERE d.message_id = :'message_id' AND d.state IN ('pending', 'sending')
ORDER BY d.delivery_id
FOR UPDATE OF d
