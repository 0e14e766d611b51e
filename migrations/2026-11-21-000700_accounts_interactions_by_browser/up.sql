-- At sign-in the browser gets a new id, and all that waits in its tabs goes on under it.
CREATE INDEX interactions_by_browser ON interactions (browser_hash);
