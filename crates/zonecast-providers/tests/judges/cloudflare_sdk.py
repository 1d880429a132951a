"""Cloudflare's own client against the stand-in: does the stand-in answer as its SDK expects?

Environment: BASE, TOKEN, ACCOUNT, ZONE (name), ZONE_ID. Prints one line per finding, ends with 0 or an error.
"""
import os

import cloudflare

client = cloudflare.Cloudflare(api_token=os.environ["TOKEN"], base_url=os.environ["BASE"], max_retries=0)
zone, name = os.environ["ZONE_ID"], os.environ["ZONE"]


def refused(code, call):
    try:
        call()
    except cloudflare.APIStatusError as error:
        codes = [one["code"] for one in error.body["errors"]]
        codes += [two["code"] for one in error.body["errors"] for two in one.get("error_chain", [])]
        assert code in codes, (code, error.status_code, error.body)
        return error.status_code
    raise AssertionError("taken, though it should be refused with %d" % code)


assert client.user.tokens.verify().status == "active"
seen = client.zones.get(zone_id=zone)
assert seen.name == name and seen.account.id == os.environ["ACCOUNT"] and seen.type == "full", seen
assert [one.id for one in client.zones.list(name=name)] == [zone]
print("zones: get and list by name")

records = client.dns.records
made = records.create(zone_id=zone, type="A", name="www", content="192.0.2.1", ttl=300)
assert made.name == "www." + name and made.proxied is False, made
trap = records.create(zone_id=zone, type="A", name="vm.other.example", content="192.0.2.1", ttl=1)
assert trap.name == "vm.other.example." + name and trap.ttl == 1, trap
mx = records.create(zone_id=zone, type="MX", name=name, content="mx1.example.", priority=10, ttl=3600)
assert mx.content == "mx1.example" and mx.priority == 10, mx
srv = records.create(zone_id=zone, type="SRV", name="_sip._tcp." + name, ttl=60,
                     data={"priority": 1, "weight": 2, "port": 5060, "target": "sip.example"})
assert srv.content == "1 2 5060 sip.example" and srv.data.port == 5060, srv
print("create: A relative, MX, SRV")

edited = records.edit(made.id, zone_id=zone, type="A", name="www." + name, content="192.0.2.2", ttl=300, comment="ours")
assert edited.content == "192.0.2.2" and edited.comment == "ours" and edited.id == made.id
again = records.edit(made.id, zone_id=zone, type="A", name="www." + name, content="192.0.2.3", ttl=300)
assert again.comment == "ours", "a PATCH keeps what it does not name"
proxied = records.update(made.id, zone_id=zone, type="A", name="www." + name, content="192.0.2.3", ttl=300, proxied=True)
assert proxied.ttl == 1 and not proxied.comment, "a PUT resets, and proxied is automatic"
print("edit and update")

result = records.batch(
    zone_id=zone, deletes=[{"id": trap.id}],
    posts=[{"type": "A", "name": "p%d" % n, "content": "192.0.2.%d" % n, "ttl": 60} for n in range(120)])
assert len(result.deletes) == 1 and len(result.posts) == 120 and len(result.posts[0].id) == 32
assert len(list(records.list(zone_id=zone, per_page=50))) == 123
assert [one.content for one in records.list(zone_id=zone, name={"exact": "p7." + name})] == ["192.0.2.7"]
print("batch, pages, name filter")

refused(81058, lambda: records.create(zone_id=zone, type="A", name="p7", content="192.0.2.7", ttl=60))
refused(81053, lambda: records.create(zone_id=zone, type="CNAME", name="p7", content="x.example", ttl=60))
refused(9005, lambda: records.create(zone_id=zone, type="A", name="bad", content="192.0.2.300", ttl=60))
refused(9021, lambda: records.create(zone_id=zone, type="A", name="bad", content="192.0.2.3", ttl=30))
refused(9300, lambda: records.create(zone_id=zone, type="A", name="bad", content="192.0.2.3", ttl=60, tags=["a:b"]))
refused(81044, lambda: records.delete("0" * 32, zone_id=zone))
refused(9005, lambda: records.batch(zone_id=zone, deletes=[{"id": made.id}],
                                    posts=[{"type": "A", "name": "bad", "content": "x", "ttl": 60}]))
assert records.get(made.id, zone_id=zone).content == "192.0.2.3", "a refused batch changes nothing"
assert refused(7003, lambda: records.list(zone_id=name)) == 400
wrong = cloudflare.Cloudflare(api_token="x" * 40, base_url=os.environ["BASE"], max_retries=0)
assert refused(10000, lambda: wrong.zones.get(zone_id=zone)) == 403
records.delete(made.id, zone_id=zone)
print("refusals")
