<?php

foreach (['Answer', 'Api', 'Spool', 'Settings', 'Service', 'Worker', 'Screen'] as $part) {
    require_once __DIR__ . "/$part.php";
}
