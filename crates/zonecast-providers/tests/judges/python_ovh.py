"""OVHcloud's own client: records come, change and go, and are served after a refresh.

Environment: BASE, KEY, SECRET, CONSUMER, ZONE (name).
"""
import os

import ovh
import ovh.client

ovh.client.ENDPOINTS["judge"] = os.environ["BASE"]


def client(secret):
    return ovh.Client(endpoint="judge", application_key=os.environ["KEY"], application_secret=secret,
                      consumer_key=os.environ["CONSUMER"])


zone, one = "/domain/zone/" + os.environ["ZONE"], client(os.environ["SECRET"])
assert one.get(zone)["name"] == os.environ["ZONE"]


def held(name, rtype):
    ids = one.get(zone + "/record", subDomain=name, fieldType=rtype)
    return sorted(one.get(zone + "/record/%d" % id)["target"] for id in ids)


made = one.post(zone + "/record", fieldType="A", subDomain="www", target="192.0.2.1", ttl=300)
assert made["fieldType"] == "A" and made["ttl"] == 300, made
one.post(zone + "/record", fieldType="A", subDomain="www", target="192.0.2.2")
assert held("www", "A") == ["192.0.2.1", "192.0.2.2"]
assert one.put(zone + "/record/%d" % made["id"], target="192.0.2.3", subDomain="www", ttl=600) is None
assert held("www", "A") == ["192.0.2.2", "192.0.2.3"]
text = one.post(zone + "/record", fieldType="TXT", subDomain="t", target="v=spf1 -all")
assert held("t", "TXT") == ['"v=spf1 -all"']
assert one.delete(zone + "/record/%d" % text["id"]) is None
assert held("t", "TXT") == []
assert one.post(zone + "/refresh") is None

for expected, call in [
    (ovh.exceptions.BadParametersError, lambda: one.post(zone + "/record", fieldType="A", subDomain="b", target="x")),
    (ovh.exceptions.BadParametersError, lambda: one.post(zone + "/record", fieldType="A", subDomain="b",
                                                         target="192.0.2.1", ttl=5)),
    (ovh.exceptions.ResourceConflictError, lambda: one.post(zone + "/record", fieldType="CNAME", subDomain="www",
                                                            target="x.example.")),
    (ovh.exceptions.ResourceNotFoundError, lambda: one.get("/domain/zone/missing.test")),
    (ovh.exceptions.APIError, lambda: client("wrong").get(zone)),
]:
    try:
        call()
    except expected:
        pass
    else:
        raise AssertionError("%s was expected" % expected)
