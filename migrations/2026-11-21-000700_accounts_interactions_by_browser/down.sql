DROP INDEX interactions_by_browser;
