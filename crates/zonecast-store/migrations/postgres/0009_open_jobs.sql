-- Which hosts have work under way is asked with every list of hosts.
CREATE INDEX job_open ON job (owner_kind, owner_id) WHERE finished_at IS NULL;
