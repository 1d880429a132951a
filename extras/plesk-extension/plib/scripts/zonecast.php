<?php
// What Plesk starts for every change of a zone: standard input, lines and exit code pass between Plesk
// and `zonecast plesk`.

pm_Loader::registerAutoload();
pm_Context::init('zonecast');
exit(Modules_Zonecast_Backend::run(STDIN, STDOUT, STDERR));
