<?php

namespace WHMCS\Module\Addon\Zonecast;

/**
 * Zonecast's REST API for a billing panel: one method per event of a virtual machine (S2.31-36, S2.85).
 *
 * No method throws and none waits for a DNS provider: a wish is stored by Zonecast and carried out
 * there, with retries. Each gives an `Answer`; every event may be sent twice.
 */
final class Api
{
    /**
     * @param string $url     where the API answers, such as https://zonecast.example.com
     * @param string $key     a key of role operator
     * @param int    $seconds the longest one call may take
     */
    public function __construct(private string $url, private string $key, private int $seconds = 10)
    {
        $this->url = rtrim($url, '/');
    }

    /**
     * Deploy and change package: the machine has these addresses. A host that is not there is made; own
     * reverse names of addresses that stay are kept.
     *
     * @param list<string> $addresses
     */
    public function addresses(string $fqdn, array $addresses): Answer
    {
        if ($addresses === []) {
            return new Answer(Answer::SENT, ["$fqdn has no address yet: nothing registered"]);
        }
        [$host, $trouble] = $this->host($fqdn);
        if ($trouble !== null) {
            return $trouble;
        }
        if ($host === null) {
            $made = $this->call('POST', '/hosts', ['fqdn' => $fqdn, 'addresses' => $addresses, 'vm_status' => 'set_dns']);
            if ($made['status'] !== 409) {
                return $this->answer("register $fqdn", $made);
            }
            // Somebody else registered it in between.
            [$host, $trouble] = $this->host($fqdn);
            if ($host === null) {
                return $trouble ?? $this->answer("register $fqdn", $made);
            }
        }
        $body = ['addresses' => $addresses, 'vm_status' => 'set_dns'];
        return $this->answer("addresses of $fqdn", $this->call('PATCH', "/hosts/{$host['id']}", $body));
    }

    /** The client changes what an address says; empty goes back to the machine's own name. */
    public function reverseName(string $fqdn, string $ip, string $reverseName): Answer
    {
        $path = '/addresses/' . rawurlencode($ip) . '/reverse_name';
        $body = ['reverse_name' => $reverseName === '' ? null : $reverseName];
        return $this->of($fqdn, "rDNS of $ip", fn (int $id) => $this->call('PUT', "/hosts/$id$path", $body));
    }

    /** Terminate: every record of the machine goes, at every provider. Gone already is fine. */
    public function terminate(string $fqdn): Answer
    {
        $gone = new Answer(Answer::SENT, ["$fqdn is not registered: nothing to remove"]);
        return $this->of($fqdn, "terminate $fqdn", fn (int $id) => $this->call('DELETE', "/hosts/$id"), $gone);
    }

    /** Suspend and unsuspend: records stay as they are. */
    public function suspend(string $fqdn, bool $suspended): Answer
    {
        $verb = $suspended ? 'suspend' : 'enable';
        return $this->of($fqdn, "$verb $fqdn", fn (int $id) => $this->call('POST', "/hosts/$id/$verb"));
    }

    /** The button "Set DNS records": queued at once, carried out by Zonecast (S2.57-64). */
    public function setDnsRecords(string $fqdn): Answer
    {
        $sync = fn (int $id) => $this->call('POST', "/hosts/$id/sync", new \stdClass());
        return $this->of($fqdn, "set DNS records of $fqdn", $sync);
    }

    /**
     * The machine as Zonecast knows it, with the state of each record.
     *
     * @return array{0: ?array<string, mixed>, 1: ?Answer} the host or null; an answer when it could not be asked
     */
    public function show(string $fqdn): array
    {
        [$host, $trouble] = $this->host($fqdn);
        if ($host === null) {
            return [null, $trouble];
        }
        $whole = $this->call('GET', "/hosts/{$host['id']}");
        return $whole['status'] === 200 ? [$whole['data'], null] : [null, $this->answer("look at $fqdn", $whole)];
    }

    /**
     * A job's lines and whether it has ended; null when it could not be asked.
     *
     * @return array{done: bool, failed: int, lines: list<string>}|null
     */
    public function job(int $job): ?array
    {
        $answer = $this->call('GET', "/jobs/$job");
        if ($answer['status'] === 404) {
            return ['done' => true, 'failed' => 0, 'lines' => ["job $job is no longer kept"]];
        }
        $text = $this->call('GET', "/jobs/$job/log", null, 'text/plain');
        if ($answer['status'] !== 200 || $text['status'] !== 200) {
            return null;
        }
        return [
            'done' => !in_array($answer['data']['state'] ?? '', ['queued', 'running'], true),
            'failed' => (int) ($answer['data']['failed'] ?? 0),
            'lines' => array_values(array_filter(explode("\n", $text['text']))),
        ];
    }

    /** Whether the address and the key are right, in words. */
    public function test(): Answer
    {
        return $this->answer('test', $this->call('GET', '/hosts?limit=1'));
    }

    /** @return array{0: ?array<string, mixed>, 1: ?Answer} */
    private function host(string $fqdn): array
    {
        $answer = $this->call('GET', '/hosts?limit=1&fqdn=' . rawurlencode($fqdn));
        return $answer['status'] === 200 ? [$answer['data'][0] ?? null, null] : [null, $this->answer("look for $fqdn", $answer)];
    }

    private function of(string $fqdn, string $what, callable $call, ?Answer $gone = null): Answer
    {
        [$host, $trouble] = $this->host($fqdn);
        if ($host === null) {
            return $trouble ?? $gone ?? new Answer(Answer::REFUSED, ["fwd ERR $what: $fqdn is not registered"]);
        }
        $answer = $call($host['id']);
        return $answer['status'] === 404 && $gone !== null ? $gone : $this->answer($what, $answer);
    }

    /** @param array{status: int, data: mixed, detail: string, errors: list<array>, text: string} $answer */
    private function answer(string $what, array $answer): Answer
    {
        $status = $answer['status'];
        if ($status >= 200 && $status < 300) {
            $job = $answer['data']['job_id'] ?? null;
            return new Answer(Answer::SENT, [$what . ': stored' . ($job === null ? '' : ", job $job")], $job);
        }
        $lines = ["fwd ERR $what: {$answer['detail']}"];
        foreach ($answer['errors'] as $error) {
            $lines[] = "fwd ERR {$error['field']}: {$error['message']}";
        }
        // A wrong key is put right by an admin; what waits must not be thrown away for it.
        $later = $status === 0 || $status >= 500 || in_array($status, [401, 403, 408, 425, 429], true);
        return new Answer($later ? Answer::WAITING : Answer::REFUSED, $lines);
    }

    /** @return array{status: int, data: mixed, detail: string, errors: list<array>, text: string} */
    private function call(string $method, string $path, mixed $body = null, string $accept = 'application/json'): array
    {
        $curl = curl_init($this->url . '/api/v1' . $path);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => $this->seconds,
            CURLOPT_CONNECTTIMEOUT => min(5, $this->seconds),
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            // `Expect: 100-continue` would cost a second where nobody answers it.
            CURLOPT_HTTPHEADER => ["Authorization: Bearer {$this->key}", "Accept: $accept", 'Content-Type: application/json', 'Expect:'],
        ] + ($body === null ? [] : [CURLOPT_POSTFIELDS => json_encode($body, JSON_UNESCAPED_SLASHES)]));
        $text = curl_exec($curl);
        $status = (int) curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $json = is_string($text) ? json_decode($text, true) : null;
        return [
            'status' => $text === false ? 0 : $status,
            'data' => $json['data'] ?? null,
            'detail' => $text === false ? curl_error($curl) : (string) ($json['detail'] ?? "status $status"),
            'errors' => $json['errors'] ?? [],
            'text' => is_string($text) ? $text : '',
        ];
    }
}
