<?php

namespace WHMCS\Module\Addon\Zonecast;

/** Carries events from the spool to Zonecast, and the lines of their jobs into WHMCS's module log. */
final class Worker
{
    public function __construct(private Settings $settings, private Api $api, private Spool $spool)
    {
    }

    public static function with(Settings $settings): self
    {
        return new self($settings, $settings->api(), $settings->spool());
    }

    /** An event: stored, then sent if Zonecast takes it now. Throws nothing: DNS never stops a module action (S2.53-55). */
    public function event(Service $service, string $event, array $body = []): string
    {
        try {
            $this->spool->add($service->id, $service->fqdn, $event, $body);
            return $this->run($service->fqdn, 5);
        } catch (\Throwable $error) {
            logActivity("Zonecast: $event of {$service->fqdn} could not be stored: {$error->getMessage()}; \"Set DNS records\" does it again");
            return "fwd ERR $event of {$service->fqdn}: {$error->getMessage()}";
        }
    }

    /** Sends what is due, of one name or of all; at most so many rows. @return string lines */
    public function run(?string $fqdn = null, int $most = 200): string
    {
        $said = [];
        for (; $most > 0 && ($row = $this->spool->take($fqdn)) !== null; $most--) {
            if ($row['state'] === Answer::SENT) {
                $said[] = $this->tell($row);
                continue;
            }
            $answer = $this->send($row);
            $this->spool->settle($row, $answer);
            $said[] = $answer->text();
            if ($answer->state !== Answer::SENT || $answer->job === null) {
                $this->log($row, $answer->text(), $answer->state !== Answer::SENT && (int) $row['tries'] === 1);
            }
            // One unreachable Zonecast is not asked for every row in turn.
            if ($answer->state === Answer::WAITING && $fqdn === null) {
                break;
            }
        }
        return implode("\n", array_filter($said));
    }

    /** @param array<string, mixed> $row */
    private function send(array $row): Answer
    {
        $body = $row['body'];
        return match ($row['event']) {
            'deploy', 'change-package' => $this->api->addresses($row['fqdn'], $body['addresses'] ?? []),
            'rdns' => $this->api->reverseName($row['fqdn'], $body['ip'] ?? '', $body['reverse_name'] ?? ''),
            'suspend' => $this->api->suspend($row['fqdn'], true),
            'unsuspend' => $this->api->suspend($row['fqdn'], false),
            'terminate' => $this->api->terminate($row['fqdn']),
            'set-dns-records' => $this->setDnsRecords($row['fqdn'], $body['addresses'] ?? []),
            default => new Answer(Answer::REFUSED, ["fwd ERR there is no event {$row['event']}"]),
        };
    }

    /** A machine that Zonecast does not know (ordered before this module, or lost) is registered by it. */
    private function setDnsRecords(string $fqdn, array $addresses): Answer
    {
        $answer = $addresses === [] ? null : $this->api->addresses($fqdn, $addresses);
        return $answer === null || $answer->state === Answer::SENT ? $this->api->setDnsRecords($fqdn) : $answer;
    }

    /** The lines of a sent row's job, once it has ended: `fwd OK`, `rev ERR` ... @param array<string, mixed> $row */
    private function tell(array $row): string
    {
        $job = $this->api->job((int) $row['job_id']);
        // A provider that is down for days must not keep the row: the record's state is on the service's page.
        $given = $job !== null && ($job['done'] || (int) $row['tries'] > 20);
        if (!$given) {
            $this->spool->later($row);
            return '';
        }
        $text = implode("\n", $job['done'] ? $job['lines'] : [...$job['lines'], "job {$row['job_id']} goes on at Zonecast"]);
        $this->spool->drop((int) $row['id']);
        $this->log($row, $text, $job['failed'] > 0);
        return $text;
    }

    /** @param array<string, mixed> $row */
    private function log(array $row, string $text, bool $summary): void
    {
        logModuleCall('zonecast', $row['event'], $row['fqdn'], $text, '', [$this->settings->key()]);
        if ($summary) {
            logActivity("Zonecast: {$row['event']} of {$row['fqdn']} had errors; the module's page shows what waits, \"Set DNS records\" does it again. $text");
        }
    }
}
