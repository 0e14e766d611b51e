DROP TABLE scopes;
DROP TABLE services;
