-- What a service wants access tokens for it to look like, where the client has no say; NULL is `opaque`.
ALTER TABLE services ADD COLUMN access_token_format text CHECK (access_token_format IN ('opaque', 'jwt'));
