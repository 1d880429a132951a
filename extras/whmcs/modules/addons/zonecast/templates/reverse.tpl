{if $said}<div class="alert alert-info">{$said|escape}</div>{/if}
{if $service}<a class="btn btn-default" href="clientarea.php?action=productdetails&amp;id={$service|escape}">Back to the service</a>{/if}
