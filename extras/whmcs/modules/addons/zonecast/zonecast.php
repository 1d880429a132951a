<?php

/** The addon module: its settings, its page, and where a client's own reverse name comes in. */

use WHMCS\Module\Addon\Zonecast\Answer;
use WHMCS\Module\Addon\Zonecast\Screen;
use WHMCS\Module\Addon\Zonecast\Service;
use WHMCS\Module\Addon\Zonecast\Settings;
use WHMCS\Module\Addon\Zonecast\Spool;
use WHMCS\Module\Addon\Zonecast\Worker;

if (!defined('WHMCS')) {
    exit('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/all.php';

function zonecast_config(): array
{
    return [
        'name' => 'Zonecast',
        'description' => 'Names follow machines: forward and reverse records of every service, at all DNS providers at once.',
        'version' => '0.1.0',
        'author' => 'Zonecast',
        'language' => 'english',
        'fields' => [
            'url' => ['FriendlyName' => 'Address', 'Type' => 'text', 'Size' => 60, 'Description' => 'Where Zonecast answers, such as https://zonecast.example.com'],
            'key' => ['FriendlyName' => 'Key', 'Type' => 'password', 'Size' => 60, 'Description' => 'Of role operator: zonecast key add whmcs --role operator'],
            'seconds' => ['FriendlyName' => 'Longest call', 'Type' => 'text', 'Size' => 5, 'Default' => '10', 'Description' => 'Seconds, 1 to 60; what takes longer is sent again by the cron'],
            'products' => ['FriendlyName' => 'Products', 'Type' => 'textarea', 'Rows' => 5, 'Description' => 'One line a product: its number = main domain of its machines. Without a domain the service\'s Domain field is the whole name. * is every product.'],
            'client_reverse' => ['FriendlyName' => 'Reverse names', 'Type' => 'yesno', 'Description' => 'Clients may set the reverse names of their own machines'],
        ],
    ];
}

function zonecast_activate(): array
{
    try {
        (new Spool(\WHMCS\Database\Capsule::connection()->getPdo(), static fn () => time()))->create();
        return ['status' => 'success', 'description' => 'Write in address, key and products, then press Test on the module\'s page.'];
    } catch (\Throwable $error) {
        return ['status' => 'error', 'description' => 'The spool could not be made: ' . $error->getMessage()];
    }
}

/** What still waits is kept: the table stays, and goes on when the module is active again. */
function zonecast_deactivate(): array
{
    return ['status' => 'success', 'description' => 'Records stay as they are. Events that wait are kept in mod_zonecast_spool.'];
}

function zonecast_output(array $vars): void
{
    $settings = Settings::stored();
    if ($settings === null) {
        echo '<p>Write address and key into the module\'s configuration first.</p>';
        return;
    }
    $said = '';
    if (($_POST['do'] ?? '') !== '') {
        check_token('WHMCS.admin.default');
        $id = (int) ($_POST['id'] ?? 0);
        $spool = $settings->spool();
        switch ($_POST['do']) {
            case 'test':
                $answer = $settings->api()->test();
                $said = $answer->state === Answer::SENT ? 'Zonecast answers, and takes the key.' : $answer->text();
                break;
            case 'send':
                $spool->again();
                $said = Worker::with($settings)->run();
                break;
            case 'again':
                $spool->again($id);
                $said = Worker::with($settings)->run();
                break;
            case 'drop':
                $spool->drop($id);
                $said = 'dropped';
                break;
        }
    }
    echo Screen::module($settings, $vars['modulelink'] ?? 'addonmodules.php?module=zonecast', $said);
}

/** A client's wish for a reverse name: only for an address of a service of the client's own. */
function zonecast_clientarea(array $vars): array
{
    $page = ['pagetitle' => 'Reverse name', 'breadcrumb' => ['index.php?m=zonecast' => 'Reverse name'], 'templatefile' => 'templates/reverse', 'requirelogin' => true];
    $settings = Settings::stored();
    $client = (int) ($_SESSION['uid'] ?? 0);
    if ($settings === null || !$settings->clientsMay() || $client === 0 || ($_SERVER['REQUEST_METHOD'] ?? 'GET') !== 'POST') {
        return $page + ['vars' => ['said' => '', 'service' => 0]];
    }
    check_token();
    $service = Service::stored((int) ($_POST['service'] ?? 0), $settings, $client);
    $said = $service === null ? 'There is no such service.' : zonecast_client_wish($service, $settings, (string) ($_POST['ip'] ?? ''), (string) ($_POST['reverse_name'] ?? ''));
    return $page + ['vars' => ['said' => $said, 'service' => $service->id ?? 0]];
}

/** The words for the client. */
function zonecast_client_wish(Service $service, Settings $settings, string $ip, string $name): string
{
    $name = strtolower(trim($name, ". \t\r\n"));
    $packed = @inet_pton($ip);
    if ($packed === false || !in_array($packed, array_map('inet_pton', $service->addresses), true)) {
        return 'This address does not belong to the service.';
    }
    if ($name !== '' && !preg_match('/^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/', $name)) {
        return 'A reverse name is a whole host name, such as mail.example.com.';
    }
    Worker::with($settings)->event($service, 'rdns', ['ip' => inet_ntop($packed), 'reverse_name' => $name]);
    return $name === '' ? "$ip has its own name again; it shows within a minute." : "$ip says $name; it shows within a minute.";
}
