"""Amazon's own client against the stand-in: are its signatures taken, and its XML read?

Environment: BASE, KEY_ID, SECRET, ZONE (name).
"""
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def client(secret, token=None):
    return boto3.client("route53", endpoint_url=os.environ["BASE"], region_name="us-east-1",
                        aws_access_key_id=os.environ["KEY_ID"], aws_secret_access_key=secret, aws_session_token=token,
                        config=Config(retries={"max_attempts": 1}))


c = client(os.environ["SECRET"])


def refused(code, words, call):
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and words in found["Message"], (code, words, found)
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("taken, though it should be refused with " + code)


def step(action, name, rtype="A", values=("192.0.2.1",), ttl=300):
    return {"Action": action, "ResourceRecordSet": {
        "Name": name, "Type": rtype, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}}


name = os.environ["ZONE"] + "."
made = c.create_hosted_zone(Name=name, CallerReference="judge")
zone = made["HostedZone"]["Id"]
assert zone.startswith("/hostedzone/Z") and made["DelegationSet"]["NameServers"], made
refused("HostedZoneAlreadyExists", "reference", lambda: c.create_hosted_zone(Name=name, CallerReference="judge"))
put = lambda *steps: c.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": list(steps)})
change = put(step("CREATE", "*." + name), step("CREATE", "t." + name, "TXT", ['"a & b <c> \\"d\\" \\351"']))
assert change["ChangeInfo"]["Status"] == "PENDING"
assert c.get_change(Id=change["ChangeInfo"]["Id"])["ChangeInfo"]["Status"] in ("PENDING", "INSYNC")
c.get_waiter("resource_record_sets_changed").wait(Id=change["ChangeInfo"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 3})
sets = c.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
assert [one["Type"] for one in sets[:2]] == ["NS", "SOA"] and sets[2]["Name"] == "\\052." + name, sets
assert sets[3]["ResourceRecords"][0]["Value"] == '"a & b <c> \\"d\\" \\351"', sets[3]
print("create, wildcard, escapes")

put(*[step("CREATE", "h%03d.%s" % (n, name)) for n in range(350)])
pages = list(c.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 300}))
assert len(pages) == 2 and sum(len(page["ResourceRecordSets"]) for page in pages) == 354
start = c.list_resource_record_sets(HostedZoneId=zone, StartRecordName="h007." + name, StartRecordType="A", MaxItems="1")
assert start["ResourceRecordSets"][0]["Name"] == "h007." + name and start["IsTruncated"]
assert c.list_hosted_zones_by_name(DNSName=name)["HostedZones"][0]["Id"] == zone
assert c.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 354
print("pages, start position")

bad = "InvalidChangeBatch"
refused(bad, "already exists", lambda: put(step("CREATE", "h007." + name)))
refused(bad, "was not found", lambda: put(step("DELETE", "no." + name)))
refused(bad, "do not match", lambda: put(step("DELETE", "h007." + name, values=["192.0.2.9"])))
refused(bad, "conflicts", lambda: put(step("CREATE", "h007." + name, "CNAME", ["x.example"])))
refused(bad, "not permitted in zone", lambda: put(step("CREATE", "x.example.")))
refused(bad, "IPv4", lambda: put(step("CREATE", "x." + name, values=["192.0.2.300"])))
refused(bad, "1000", lambda: put(*[step("UPSERT", "u%d.%s" % (n, name)) for n in range(501)]))
refused(bad, "already exists", lambda: put(step("CREATE", "new." + name), step("CREATE", "h007." + name)))
assert c.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"] == 354, "nothing of a refused batch"
put(step("DELETE", "h007." + name), step("CREATE", "h007." + name, "CNAME", ["x.example"]))
assert refused("SignatureDoesNotMatch", "signature", lambda: client("wrong").list_hosted_zones()) == 403
assert refused("InvalidClientTokenId", "security token", lambda: client(os.environ["SECRET"], "t").list_hosted_zones()) == 403
assert refused("NoSuchHostedZone", "Z0NONE", lambda: c.get_hosted_zone(Id="Z0NONE")) == 404
assert refused("HostedZoneNotEmpty", "non-required", lambda: c.delete_hosted_zone(Id=zone)) == 400
print("refusals")
