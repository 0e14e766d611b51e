-- When an app last used what a person allowed it. Written in batches, beside the grant and not in it: the grant's
-- row is a condition of hot writes, and is not to be rewritten because somebody looked at a token.
CREATE TABLE grant_usage (
    grant_id     uuid PRIMARY KEY REFERENCES grants (id),
    last_used_at timestamptz NOT NULL
);

INSERT INTO grant_usage SELECT grant_id, max(created_at) FROM families GROUP BY grant_id;
