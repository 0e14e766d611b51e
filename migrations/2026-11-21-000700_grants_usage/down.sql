DROP TABLE grant_usage;
