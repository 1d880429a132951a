<?php

/**
 * WHMCS hooks: copy this file to includes/hooks/zonecast.php and the folder zonecast/ beside it, and
 * write the settings into zonecast/settings.php (see settings.example.php).
 *
 * Events of products that are not in the settings are left alone. DNS trouble never stops a module
 * action (S2.53-55): what went wrong is in the module log, with one summary entry in the activity log.
 */

if (!defined('WHMCS')) {
    exit('This file cannot be accessed directly');
}

require_once __DIR__ . '/zonecast/Zonecast.php';

/**
 * The name, the main domain and the addresses of a service; null when its product is not ours.
 *
 * @return array{0: string, 1: string, 2: list<string>}|null
 */
function zonecast_service(array $params, array $settings): ?array
{
    $product = $settings['products'][(int) ($params['packageid'] ?? $params['pid'] ?? 0)] ?? null;
    if ($product === null) {
        return null;
    }
    $host = strtolower(rtrim((string) ($params['domain'] ?? ''), '.'));
    $domain = strtolower($product['main_domain']);
    $name = str_ends_with($host, ".$domain") ? substr($host, 0, -strlen(".$domain")) : $host;
    $model = $params['model'] ?? null;
    $listed = [$model->dedicatedip ?? $params['dedicatedip'] ?? '', $model->assignedips ?? $params['assignedips'] ?? ''];
    $words = preg_split('/[\s,]+/', implode("\n", $listed), -1, PREG_SPLIT_NO_EMPTY);
    $addresses = array_values(array_unique(array_filter($words, static fn ($word) => filter_var($word, FILTER_VALIDATE_IP) !== false)));
    return [$name, $domain, $addresses];
}

function zonecast_hook(string $event): callable
{
    return static function (array $vars) use ($event): void {
        $settings = is_file(__DIR__ . '/zonecast/settings.php') ? require __DIR__ . '/zonecast/settings.php' : null;
        $service = $settings === null ? null : zonecast_service($vars['params'] ?? $vars, $settings);
        if ($service === null) {
            return;
        }
        [$name, $domain, $addresses] = $service;
        $zonecast = new Zonecast($settings['url'], $settings['key'], $settings['seconds'] ?? 10);
        $fqdn = "$name.$domain";
        $lines = match ($event) {
            'deploy' => $addresses === [] ? ["$fqdn has no address yet: nothing registered"] : $zonecast->deploy($name, $domain, $addresses),
            'change-package' => $addresses === [] ? [] : $zonecast->changePackage($name, $domain, $addresses),
            'suspend' => $zonecast->suspend($fqdn, true),
            'unsuspend' => $zonecast->suspend($fqdn, false),
            'terminate' => $zonecast->terminate($fqdn),
        };
        $text = implode("\n", $lines);
        if (function_exists('logModuleCall')) {
            logModuleCall('zonecast', $event, $fqdn, $text, '', [$settings['key']]);
        }
        if ($zonecast->failed && function_exists('logActivity')) {
            logActivity("Zonecast: $event of $fqdn had errors; \"Set DNS records\" does it again. $text");
        }
    };
}

add_hook('AfterModuleCreate', 1, zonecast_hook('deploy'));
add_hook('AfterModuleChangePackage', 1, zonecast_hook('change-package'));
add_hook('AfterModuleSuspend', 1, zonecast_hook('suspend'));
add_hook('AfterModuleUnsuspend', 1, zonecast_hook('unsuspend'));
add_hook('AfterModuleTerminate', 1, zonecast_hook('terminate'));
