<?php

namespace WHMCS\Module\Addon\Zonecast;

/** What the module shows. Every text from elsewhere goes through `e`. */
final class Screen
{
    /** The service's page in the admin area: the state of each record and the button (S2.57). */
    public static function service(Service $service, Settings $settings): string
    {
        [$host, $trouble] = $settings->api()->show($service->fqdn);
        $html = '<p><button type="submit" name="zonecast_set_dns_records" value="1" class="btn btn-default btn-sm">Set DNS records</button> '
            . self::e($service->fqdn) . '</p>';
        if ($trouble !== null) {
            $html .= '<p class="text-danger">' . self::e($trouble->text()) . '</p>';
        } elseif ($host === null) {
            $html .= '<p>Zonecast does not know this machine yet; "Set DNS records" registers it.</p>';
        }
        $rows = [];
        foreach ($host['records'] ?? [] as $record) {
            $words = $record['last_error'] ?? '';
            $next = $record['next_attempt_at'] ?? null;
            $rows[] = [
                $record['name'] . ' ' . $record['type'], implode(', ', $record['values'] ?? []), $record['zone'] . ' (' . $record['provider'] . ')',
                $record['state'], $words . ($next === null ? '' : ($words === '' ? '' : ', ') . "next try $next"),
            ];
        }
        $html .= $rows === [] ? '' : self::table(['Record', 'Values', 'Zone', 'State', ''], $rows);
        $waiting = $settings->spool()->all($service->fqdn);
        return $html . ($waiting === [] ? '' : '<p>On the way to Zonecast:</p>' . self::events($waiting));
    }

    /** The client's own reverse names: one form an address, which `zonecast_clientarea` takes. */
    public static function reverseNames(Service $service, Settings $settings): string
    {
        [$host] = $settings->api()->show($service->fqdn);
        if ($host === null) {
            return '';
        }
        $waiting = [];
        foreach ($settings->spool()->all($service->fqdn) as $row) {
            if ($row['event'] === 'rdns' && $row['state'] !== Answer::REFUSED) {
                $body = json_decode($row['body'], true);
                $waiting[$body['ip']] = $body['reverse_name'];
            }
        }
        $html = '<h4>Reverse names</h4>';
        foreach ($host['addresses'] as $address) {
            $ip = $address['ip'];
            $name = $waiting[$ip] ?? $address['reverse_name'] ?? '';
            $html .= '<form method="post" action="index.php?m=zonecast" class="form-inline">' . generate_token('form')
                . '<input type="hidden" name="service" value="' . $service->id . '"><input type="hidden" name="ip" value="' . self::e($ip) . '">'
                . '<label>' . self::e($ip) . ' <input type="text" name="reverse_name" maxlength="253" class="form-control input-sm" value="' . self::e($name)
                . '" placeholder="' . self::e(rtrim($address['ptr'] ?? $service->fqdn, '.')) . '"></label> '
                . '<button type="submit" class="btn btn-default btn-sm">Save</button>'
                . (isset($waiting[$ip]) ? ' <small>on its way</small>' : '') . '</form>';
        }
        return $html;
    }

    /** The module's own page: what waits, what was refused, and the way on. */
    public static function module(Settings $settings, string $link, string $said): string
    {
        $spool = $settings->spool();
        $form = static fn (string $action, string $label, int $id = 0) => '<form method="post" action="' . self::e($link) . '" style="display:inline">'
            . generate_token('form') . '<input type="hidden" name="id" value="' . $id . '"><button class="btn btn-default btn-sm" name="do" value="'
            . $action . '">' . $label . '</button></form> ';
        $html = ($said === '' ? '' : '<pre>' . self::e($said) . '</pre>') . '<p>' . $form('test', 'Test') . $form('send', 'Send all now') . '</p>';
        $html .= '<p>' . $spool->count(Answer::WAITING) . ' waiting, ' . $spool->count(Answer::REFUSED) . ' refused, '
            . $spool->count(Answer::SENT) . ' at Zonecast whose lines are not in the module log yet.</p>';
        $rows = $spool->all();
        return $html . ($rows === [] ? '' : self::events($rows, static fn (int $id) => $form('again', 'Send again', $id) . $form('drop', 'Drop', $id)));
    }

    /** @param list<array<string, mixed>> $rows */
    private static function events(array $rows, ?callable $buttons = null): string
    {
        $cells = array_map(static fn ($row) => [
            gmdate('Y-m-d H:i:s', (int) $row['stored_at']) . ' UTC', $row['fqdn'], $row['event'],
            $row['state'] . ($row['state'] === Answer::WAITING && $row['next_at'] > 0 ? ', next try ' . gmdate('H:i:s', (int) $row['next_at']) . ' UTC' : ''),
            (string) $row['words'],
        ], $rows);
        $last = $buttons === null ? null : array_map(static fn ($row) => $row['state'] === Answer::SENT ? '' : $buttons((int) $row['id']), $rows);
        return self::table(['Stored', 'Machine', 'Event', 'State', 'Said'], $cells, $last);
    }

    /** @param list<string> $head @param list<list<string>> $rows @param ?list<string> $last HTML after each row */
    private static function table(array $head, array $rows, ?array $last = null): string
    {
        $html = '<table class="table table-condensed"><thead><tr><th>' . implode('</th><th>', array_map(self::e(...), $head)) . ($last === null ? '' : '</th><th>')
            . '</th></tr></thead><tbody>';
        foreach ($rows as $at => $row) {
            $html .= '<tr><td>' . implode('</td><td>', array_map(self::e(...), $row)) . ($last === null ? '' : '</td><td>' . $last[$at]) . '</td></tr>';
        }
        return $html . '</tbody></table>';
    }

    private static function e(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }
}
