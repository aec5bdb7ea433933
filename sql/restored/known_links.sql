-- Which of these links the chain has, by their hashes in hexadecimal digits. Reads usage.audit_chain. Writes nothing.
SELECT m.hash
FROM unnest(:'seqs'::bigint[], :'hashes'::text[]) AS m (seq, hash)
JOIN usage.audit_chain c ON c.seq = m.seq AND c.hash = decode(m.hash, 'hex')
