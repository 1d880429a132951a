<?php

/**
 * Zonecast's REST API for a billing panel: one method per event of a virtual machine (S2.31-36, S2.85).
 *
 * No method throws and none waits for a DNS provider: a wish is stored by Zonecast and carried out
 * there, with retries. Each gives lines for the module's log, `fwd ERR` and the like among them
 * (S2.51-56), and remembers whether anything went wrong.
 */
final class Zonecast
{
    /** Something was refused or could not be reached. */
    public bool $failed = false;

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
     * Deploy: the machine's names are created. A host that is there already gets these addresses.
     *
     * @param list<string|array{ip: string, reverse_name?: string}> $addresses
     * @return list<string> lines for the log
     */
    public function deploy(string $name, string $mainDomain, array $addresses): array
    {
        $answer = $this->call('POST', '/hosts', [
            'name' => $name, 'main_domain' => $mainDomain, 'addresses' => $addresses, 'vm_status' => 'set_dns',
        ]);
        if ($answer['status'] === 409 && ($id = $this->find("$name.$mainDomain")) !== null) {
            $answer = $this->call('PATCH', "/hosts/$id", ['addresses' => $addresses, 'vm_status' => 'set_dns']);
        }
        return $this->lines("deploy $name.$mainDomain", $answer);
    }

    /**
     * Change package: the addresses may be others now. Own reverse names of addresses that stay are kept.
     *
     * @param list<string> $addresses
     * @return list<string>
     */
    public function changePackage(string $name, string $mainDomain, array $addresses): array
    {
        $host = $this->host("$name.$mainDomain");
        if ($host === null) {
            return $this->deploy($name, $mainDomain, $addresses);
        }
        $kept = array_column($host['addresses'] ?? [], 'reverse_name', 'ip');
        $new = array_map(static function (string $ip) use ($kept) {
            $packed = @inet_pton($ip);
            $canonical = $packed === false ? $ip : inet_ntop($packed);
            return isset($kept[$canonical]) ? ['ip' => $ip, 'reverse_name' => $kept[$canonical]] : $ip;
        }, $addresses);
        $answer = $this->call('PATCH', "/hosts/{$host['id']}", ['addresses' => $new]);
        return $this->lines("change package $name.$mainDomain", $answer);
    }

    /** The client changes what an address says; empty goes back to the machine's own name. @return list<string> */
    public function reverseName(string $fqdn, string $ip, string $reverseName): array
    {
        $id = $this->find($fqdn);
        if ($id === null) {
            return $this->notThere($fqdn);
        }
        $body = ['reverse_name' => $reverseName === '' ? null : $reverseName];
        return $this->lines("rDNS of $ip", $this->call('PUT', "/hosts/$id/addresses/" . rawurlencode($ip) . '/reverse_name', $body));
    }

    /** Terminate: every record of the machine goes, at every provider. Gone already is fine. @return list<string> */
    public function terminate(string $fqdn): array
    {
        $id = $this->find($fqdn);
        if ($id === null) {
            return $this->failed ? $this->notThere($fqdn) : ["$fqdn is not registered: nothing to remove"];
        }
        return $this->lines("terminate $fqdn", $this->call('DELETE', "/hosts/$id"));
    }

    /** Suspend and unsuspend: records stay as they are (no action is documented for it). @return list<string> */
    public function suspend(string $fqdn, bool $suspended): array
    {
        $id = $this->find($fqdn);
        if ($id === null) {
            return $this->notThere($fqdn);
        }
        $answer = $this->call('POST', "/hosts/$id/" . ($suspended ? 'suspend' : 'enable'));
        return $this->lines(($suspended ? 'suspend ' : 'unsuspend ') . $fqdn, $answer);
    }

    /** The button "Set DNS records": queued at once, carried out by Zonecast (S2.57-64). @return list<string> */
    public function setDnsRecords(string $fqdn): array
    {
        $id = $this->find($fqdn);
        if ($id === null) {
            return $this->notThere($fqdn);
        }
        $lines = $this->lines("set DNS records of $fqdn", $this->call('POST', "/hosts/$id/sync", new stdClass()));
        return $lines;
    }

    /** The lines of a job so far; ask again until `$done` is true. @return list<string> */
    public function log(int $job, ?bool &$done = null): array
    {
        $answer = $this->call('GET', "/jobs/$job");
        $done = !in_array($answer['data']['state'] ?? '', ['queued', 'running'], true);
        $text = $this->call('GET', "/jobs/$job/log", null, 'text/plain');
        return array_values(array_filter(explode("\n", $text['text'])));
    }

    /** The number of the job of a line `... job 7`. @param list<string> $lines */
    public static function jobOf(array $lines): ?int
    {
        return preg_match('/\bjob (\d+)$/m', implode("\n", $lines), $found) ? (int) $found[1] : null;
    }

    private function find(string $fqdn): ?int
    {
        return $this->host($fqdn)['id'] ?? null;
    }

    /** @return array<string, mixed>|null */
    private function host(string $fqdn): ?array
    {
        $answer = $this->call('GET', '/hosts?limit=1&fqdn=' . rawurlencode($fqdn));
        if ($answer['status'] !== 200) {
            $this->failed = true;
        }
        return $answer['data'][0] ?? null;
    }

    /** @return list<string> */
    private function notThere(string $fqdn): array
    {
        $words = $this->failed ? 'Zonecast could not be asked' : 'it is not registered';
        $this->failed = true;
        return ["fwd ERR $fqdn: $words"];
    }

    /** @return list<string> */
    private function lines(string $what, array $answer): array
    {
        if ($answer['status'] >= 200 && $answer['status'] < 300) {
            $job = $answer['data']['job_id'] ?? null;
            return [$what . ': stored' . ($job === null ? '' : ", job $job")];
        }
        $this->failed = true;
        $lines = ["fwd ERR $what: {$answer['detail']}"];
        foreach ($answer['errors'] as $error) {
            $lines[] = "fwd ERR {$error['field']}: {$error['message']}";
        }
        return $lines;
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
