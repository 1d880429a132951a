"""lexicon's GoDaddy provider: records come, change and go, one value at a time.

Environment: BASE, KEY, SECRET, ZONE (name).
"""
import os

from lexicon._private.providers.godaddy import Provider
from lexicon.config import ConfigResolver

zone = os.environ["ZONE"]
# The public suffix list is not asked for: it would be fetched.
Provider.get_root_domain_name = lambda self: zone
options = {"provider_name": "godaddy", "domain": zone, "ttl": 600,
           "godaddy": {"auth_key": os.environ["KEY"], "auth_secret": os.environ["SECRET"]}}
one = Provider(ConfigResolver().with_dict(options))
one.api_endpoint = os.environ["BASE"]
one.authenticate()
assert one.domain_id


def held(rtype, name):
    return sorted(record["content"] for record in one.list_records(rtype, name))


assert one.create_record("A", "www." + zone, "192.0.2.1")
assert one.create_record("A", "www." + zone, "192.0.2.2")
assert one.create_record("A", "www." + zone, "192.0.2.2"), "twice is once"
assert one.create_record("TXT", "_acme-challenge." + zone, "token; with \"quotes\"")
assert one.create_record("CNAME", "alias." + zone, "www." + zone)
assert held("A", "www." + zone) == ["192.0.2.1", "192.0.2.2"]
assert held("TXT", "_acme-challenge." + zone) == ["token; with \"quotes\""]
assert held("CNAME", "alias." + zone) == ["www." + zone]
assert one.update_record(None, "TXT", "_acme-challenge." + zone, "other")
assert held("TXT", "_acme-challenge." + zone) == ["other"]
assert one.delete_record(None, "A", "www." + zone, "192.0.2.1")
assert held("A", "www." + zone) == ["192.0.2.2"]
assert one.delete_record(None, "TXT", "_acme-challenge." + zone)
assert held("TXT", "_acme-challenge." + zone) == []
for bad in ("192.0.2.300", "no address"):
    try:
        one.create_record("A", "bad." + zone, bad)
    except Exception as error:
        assert error.response.status_code == 422, error
    else:
        raise AssertionError("%r was taken" % bad)
