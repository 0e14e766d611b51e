-- What a client's access tokens look like: `jwt` (RFC 9068), `opaque`, or NULL, as the services want that they are for.
ALTER TABLE clients ADD COLUMN access_token_format text CHECK (access_token_format IN ('opaque', 'jwt'));
