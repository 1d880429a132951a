<?php

namespace WHMCS\Module\Addon\Zonecast;

use WHMCS\Database\Capsule;

/** What the admin wrote into the module's configuration, and the parts made from it. */
final class Settings
{
    /** @param array<string, string> $values as WHMCS keeps them */
    public function __construct(private array $values)
    {
    }

    /** Null while the module is not configured: nothing is done then. */
    public static function stored(): ?self
    {
        $values = [];
        foreach (Capsule::table('tbladdonmodules')->where('module', 'zonecast')->get() as $row) {
            $values[$row->setting] = (string) $row->value;
        }
        return ($values['url'] ?? '') === '' || ($values['key'] ?? '') === '' ? null : new self($values);
    }

    public function api(): Api
    {
        return new Api($this->values['url'], $this->values['key'], max(1, min(60, (int) ($this->values['seconds'] ?? 10))));
    }

    public function spool(): Spool
    {
        return new Spool(Capsule::connection()->getPdo(), static fn () => time());
    }

    public function key(): string
    {
        return $this->values['key'];
    }

    /** Clients may set the reverse names of their own machines. */
    public function clientsMay(): bool
    {
        return ($this->values['client_reverse'] ?? '') === 'on';
    }

    /**
     * The main domain of a product's machines (Module Settings, Integrations, Main domain); an empty text
     * when the service's Domain field is the whole name; null when the product is none of ours.
     */
    public function mainDomain(int $product): ?string
    {
        foreach (preg_split('/[\r\n]+/', $this->values['products'] ?? '') as $line) {
            if (preg_match('/^\s*(\d+|\*)\s*(?:=\s*(\S*))?\s*$/', $line, $found) && ($found[1] === '*' || (int) $found[1] === $product)) {
                return strtolower(trim($found[2] ?? '', '.'));
            }
        }
        return null;
    }
}
