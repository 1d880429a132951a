<?php

// Copy to settings.php, readable by the web server's user only.
return [
    // Where the API answers, and a key of role operator (zonecast key add whmcs --role operator).
    'url' => 'https://zonecast.example.com',
    'key' => 'zc_2_...',
    // The longest one call may take, in seconds.
    'seconds' => 10,
    // WHMCS product id => main domain of its machines (Module Settings, Integrations, Main domain).
    'products' => [
        1 => ['main_domain' => 'vps.example.com'],
    ],
];
