<?php

/**
 * What the admin set, kept by Plesk. The key is encrypted there, and never comes back to a browser.
 *
 * ZONECAST_URL, ZONECAST_KEY, ZONECAST_BIN, ZONECAST_DATA and ZONECAST_CONFIG in the environment win.
 */
class Modules_Zonecast_Settings
{
    const PLACES = ['/usr/local/bin/zonecast', '/usr/bin/zonecast', '/opt/zonecast/bin/zonecast'];

    public static function isEnabled(): bool
    {
        return (bool) pm_Settings::get('enabled', '1');
    }

    public static function url(): string
    {
        return self::from('ZONECAST_URL', (string) pm_Settings::get('url', ''));
    }

    public static function key(): string
    {
        $kept = (string) pm_Settings::get('key', '');
        return self::from('ZONECAST_KEY', $kept === '' ? '' : pm_Crypt::decrypt($kept));
    }

    /** The whole path of the program, or an empty text: nothing hangs on a PATH. */
    public static function program(): string
    {
        $set = self::from('ZONECAST_BIN', (string) pm_Settings::get('program', ''));
        if ($set !== '') {
            return $set;
        }
        foreach (self::PLACES as $place) {
            if (is_executable($place)) {
                return $place;
            }
        }
        return '';
    }

    /** @return array<string, string> the environment of the program */
    public static function environment(): array
    {
        return array_filter(['ZONECAST_URL' => self::url(), 'ZONECAST_KEY' => self::key()]) + getenv();
    }

    /** An empty key keeps the one that is stored. */
    public static function save(string $url, string $key, string $program, bool $enabled): void
    {
        pm_Settings::set('url', rtrim(trim($url), '/'));
        pm_Settings::set('program', trim($program));
        pm_Settings::set('enabled', $enabled ? '1' : '0');
        if ($key !== '') {
            pm_Settings::set('key', pm_Crypt::encrypt($key));
        }
    }

    /** @return list<string> the domains that are switched off, in ASCII */
    public static function off(): array
    {
        return json_decode((string) pm_Settings::get('off', '[]'), true) ?: [];
    }

    public static function switchDomain(string $domain, bool $on): void
    {
        $off = array_diff(self::off(), [$domain]);
        pm_Settings::set('off', json_encode(array_values($on ? $off : array_merge($off, [$domain]))));
    }

    private static function from(string $variable, string $stored): string
    {
        $value = getenv($variable);
        return $value === false || $value === '' ? $stored : $value;
    }
}
