"""octoDNS through its provider for the service named in KIND: sync twice, the second time nothing is left.

Environment: KIND (cloudflare, route53, rfc2136), BASE (or HOST and PORT), TOKEN or keys, ZONE (name).
With STRANGER (a label) the zone is already as in the end, but for an address that somebody put at that name:
octoDNS must see this one change and nothing else, and takes it away.
"""
import os
import logging

from octodns.provider.plan import Plan
from octodns.record import Record
from octodns.zone import Zone

zone_name = os.environ["ZONE"] + "."
logging.basicConfig(level=logging.WARNING)
Plan.MIN_EXISTING_RECORDS = 10 ** 6

if os.environ["KIND"] == "cloudflare":
    from octodns_cloudflare import CloudflareProvider
    provider = lambda: CloudflareProvider("judge", token=os.environ["TOKEN"], api_url=os.environ["BASE"],
                                          pagerules=False, retry_count=1, retry_period=0, min_ttl=60)
elif os.environ["KIND"] == "rfc2136":
    from octodns_bind import Rfc2136Provider
    provider = lambda: Rfc2136Provider("judge", os.environ["HOST"], port=int(os.environ["PORT"]),
                                       key_name=os.environ["KEY_ID"], key_secret=os.environ["SECRET"],
                                       key_algorithm=os.environ["ALGORITHM"])
else:
    os.environ["AWS_ENDPOINT_URL_ROUTE_53"] = os.environ["BASE"]
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    from octodns_route53 import Route53Provider
    provider = lambda: Route53Provider("judge", access_key_id=os.environ["KEY_ID"],
                                       secret_access_key=os.environ["SECRET"], client_max_attempts=1)

# BIND refuses a set of more than 100 records.
most = 90 if os.environ["KIND"] == "rfc2136" else 150
first = {
    "": [{"type": "A", "values": ["192.0.2.1", "192.0.2.2"]}, {"type": "MX", "values": [{"preference": 10, "exchange": "mx.example."}]},
         {"type": "TXT", "values": ["v=spf1 -all"]}],
    "*": [{"type": "A", "value": "192.0.2.3"}],
    "www": [{"type": "CNAME", "value": "target.example."}],
    "_sip._tcp": [{"type": "SRV", "values": [{"priority": 1, "weight": 2, "port": 5060, "target": "sip.example."}]}],
    "caa": [{"type": "CAA", "values": [{"flags": 0, "tag": "issue", "value": "letsencrypt.org"}]}],
    "sub": [{"type": "NS", "values": ["ns1.example.", "ns2.example."]}],
    "six": [{"type": "AAAA", "value": "2001:db8::1"}],
}
second = dict(first, **{
    "": [{"type": "A", "values": ["192.0.2.2", "192.0.2.9"]}],
    "www": [{"type": "A", "value": "192.0.2.7"}],
    "many": [{"type": "A", "values": ["198.51.100.%d" % n for n in range(most)]}],
})
del second["caa"]


def sync(wanted):
    """Makes the zone what is wanted; gives the changes that took, in words."""
    desired = Zone(zone_name, [])
    for name, records in wanted.items():
        for data in records:
            desired.add_record(Record.new(desired, name, dict(data, ttl=300)))
    plan = provider().plan(desired)
    if plan is None:
        return []
    changes = [str(change) for change in plan.changes]
    one = provider()
    one.populate(Zone(zone_name, []), target=True)
    one.apply(plan)
    return changes


stranger = os.environ.get("STRANGER")
if stranger:
    desired = sync(second)
    assert len(desired) == 1 and desired[0].startswith("Delete") and stranger + "." in desired[0], desired
    raise SystemExit(0)

for wanted in (first, second):
    changed, left = sync(wanted), sync(wanted)
    print("%d changes, then %d" % (len(changed), len(left)))
    assert changed and not left, left
