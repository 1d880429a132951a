<?php

/**
 * WHMCS hooks of the module; WHMCS reads this file while the module is active.
 *
 * Events of products that are not in the settings are left alone. DNS trouble never stops a module
 * action (S2.53-55): an event is stored in the spool first and sent then.
 */

use WHMCS\Module\Addon\Zonecast\Screen;
use WHMCS\Module\Addon\Zonecast\Service;
use WHMCS\Module\Addon\Zonecast\Settings;
use WHMCS\Module\Addon\Zonecast\Worker;

if (!defined('WHMCS')) {
    exit('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/all.php';

foreach (['Create' => 'deploy', 'ChangePackage' => 'change-package', 'Suspend' => 'suspend', 'Unsuspend' => 'unsuspend', 'Terminate' => 'terminate'] as $action => $event) {
    add_hook("AfterModule$action", 1, static function (array $vars) use ($event): void {
        $settings = Settings::stored();
        $service = $settings === null ? null : Service::of($vars['params'] ?? $vars, $settings);
        if ($service !== null) {
            Worker::with($settings)->event($service, $event, ['addresses' => $service->addresses]);
        }
    });
}

// What waits is sent with each run of WHMCS's cron; lines go to its output as well (S2.64).
add_hook('AfterCronJob', 1, static function (): void {
    $settings = Settings::stored();
    $lines = $settings === null ? '' : Worker::with($settings)->run();
    echo $lines === '' ? '' : $lines . "\n";
});

// The service's page: each record's state, and the button "Set DNS records" (S2.57).
add_hook('AdminClientServicesTabFields', 1, static function (array $vars): array {
    $settings = Settings::stored();
    $service = $settings === null ? null : Service::stored((int) $vars['id'], $settings);
    return $service === null ? [] : ['Zonecast' => Screen::service($service, $settings)];
});

add_hook('AdminClientServicesTabFieldsSave', 1, static function (array $vars): void {
    $settings = empty($vars['zonecast_set_dns_records']) ? null : Settings::stored();
    $service = $settings === null ? null : Service::stored((int) $vars['id'], $settings);
    if ($service !== null) {
        Worker::with($settings)->event($service, 'set-dns-records', ['addresses' => $service->addresses]);
    }
});

// The client area: the reverse name of each address of the client's own machine (S1.4).
add_hook('ClientAreaProductDetailsOutput', 1, static function (array $vars): string {
    $settings = Settings::stored();
    if ($settings === null || !$settings->clientsMay()) {
        return '';
    }
    $service = Service::stored((int) ($vars['service']->id ?? 0), $settings, (int) ($_SESSION['uid'] ?? 0));
    return $service === null ? '' : Screen::reverseNames($service, $settings);
});
