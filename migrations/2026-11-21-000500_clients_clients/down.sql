DROP TABLE client_redirect_uris;
DROP TABLE clients;
