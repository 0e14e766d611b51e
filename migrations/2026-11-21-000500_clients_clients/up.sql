-- OAuth clients (RFC 6749 §2).
CREATE TABLE clients (
    principal_id               uuid PRIMARY KEY REFERENCES principals (id),
    client_id                  text NOT NULL UNIQUE,
    confidential               boolean NOT NULL,
    -- Set by an operator only: first-party clients skip the consent page.
    first_party                boolean NOT NULL DEFAULT false,
    publisher                  text,
    -- An operator has checked who publishes it.
    verified                   boolean NOT NULL DEFAULT false,
    -- NULL: basic or post, whichever the library sends; otherwise the one method that is accepted.
    token_endpoint_auth_method text CHECK (token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post', 'none')),
    grant_types                text[] NOT NULL,
    scopes                     text[] NOT NULL,
    origins                    text[] NOT NULL DEFAULT '{}',
    -- Seconds; NULL: the server's setting.
    access_token_lifetime      integer CHECK (access_token_lifetime BETWEEN 1 AND 86400),
    refresh_token_lifetime     integer CHECK (refresh_token_lifetime BETWEEN 1 AND 31536000),
    -- Audiences whose tokens this client may introspect; `*` is every one; empty is none.
    introspection_audiences    text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE client_redirect_uris (
    principal_id uuid NOT NULL REFERENCES clients (principal_id),
    redirect_uri text NOT NULL,
    PRIMARY KEY (principal_id, redirect_uri)
);
