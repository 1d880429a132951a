<?php

namespace WHMCS\Module\Addon\Zonecast;

/** A service of WHMCS as Zonecast sees it: a whole name and its addresses. */
final class Service
{
    /** @param list<string> $addresses */
    private function __construct(public int $id, public string $fqdn, public array $addresses)
    {
    }

    /**
     * From the parameters of a module event. Null when its product is not in the settings, or when it has
     * no name yet.
     *
     * @param array<string, mixed> $params
     */
    public static function of(array $params, Settings $settings): ?self
    {
        $domain = $settings->mainDomain((int) ($params['packageid'] ?? $params['pid'] ?? 0));
        $host = strtolower(trim((string) ($params['domain'] ?? ''), ". \t\n"));
        if ($domain === null || $host === '') {
            return null;
        }
        $fqdn = $domain === '' || $host === $domain || str_ends_with($host, ".$domain") ? $host : "$host.$domain";
        $model = $params['model'] ?? null;
        $listed = [$model->dedicatedip ?? $params['dedicatedip'] ?? '', $model->assignedips ?? $params['assignedips'] ?? ''];
        $words = preg_split('/[\s,]+/', implode("\n", $listed), -1, PREG_SPLIT_NO_EMPTY);
        $addresses = array_filter($words, static fn ($word) => filter_var($word, FILTER_VALIDATE_IP) !== false);
        return new self((int) ($params['serviceid'] ?? $params['id'] ?? 0), $fqdn, array_values(array_unique($addresses)));
    }

    /** From its row in WHMCS's database. */
    public static function stored(int $id, Settings $settings, ?int $client = null): ?self
    {
        $query = \WHMCS\Database\Capsule::table('tblhosting')->where('id', $id);
        $row = ($client === null ? $query : $query->where('userid', $client))->first();
        return $row === null ? null : self::of((array) $row, $settings);
    }
}
