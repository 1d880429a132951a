<?php

pm_Context::init('zonecast');
(new pm_Application())->run();
