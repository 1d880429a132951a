-- A tripped breaker is called what it is: "open" read as good news.
UPDATE connection SET state = 'unreachable' WHERE state = 'open';
